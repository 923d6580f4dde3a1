/** Does the work for each item, at most so many at once; the first failure ends it, once what is under way is settled. */
export async function inParallel<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  atOnceMax: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for await (const item of items) {
    if (failures.length > 0) break;
    const done = work(item)
      .catch((error) => void failures.push(error))
      .finally(() => running.delete(done));
    running.add(done);
    if (running.size >= atOnceMax) await Promise.race(running);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}
