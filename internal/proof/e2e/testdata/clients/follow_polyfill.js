// npm event-source-polyfill, which names the last id in the query.
import { createRequire } from 'node:module';
import { print } from './print.js';

const { EventSourcePolyfill } = createRequire(import.meta.url)('event-source-polyfill');
const [url, coding] = process.argv.slice(2);
print(new EventSourcePolyfill(url, { headers: { 'Accept-Encoding': coding } }));
