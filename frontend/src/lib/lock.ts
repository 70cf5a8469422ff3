// One tab at a time.

/**
 * Runs `work` while no other tab of this page holds the lock. Where the browser has no locks (pages that do not come
 * from a secure origin) it just runs it.
 */
export async function locked<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!navigator.locks) return work();
  return await navigator.locks.request(name, signal ? { signal } : {}, work);
}
