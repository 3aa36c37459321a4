// npm eventsource 2: node's http module.
import EventSource from 'eventsource-2';
import { print } from './print.js';

const [url, coding] = process.argv.slice(2);
print(new EventSource(url, { headers: { 'Accept-Encoding': coding } }));
