// Prints the events of an EventSource, each with the last id.
export function print(source) {
  for (const name of ['hello', 'post', 'update', 'delete', 'blog', 'reset', 'end', 'bye']) {
    source.addEventListener(name, (event) => console.log(`${name} ${event.lastEventId}`));
  }
}
