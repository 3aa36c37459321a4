// npm eventsource 4: fetch.
import { EventSource } from 'eventsource-4';
import { print } from './print.js';

const [url, coding] = process.argv.slice(2);
print(new EventSource(url, {
  fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, 'Accept-Encoding': coding } }),
}));
