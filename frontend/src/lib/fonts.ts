// Text that is drawn before its font has come keeps the stand-in, so drawing waits a moment for the fonts fetched early.

const LONGEST_WAIT_MS = 1_000;

/** Resolves once every preloaded font is here or has failed, or too much time has gone by. */
export function fontsArrived(): Promise<unknown> {
  const links = [...document.querySelectorAll<HTMLLinkElement>('link[rel=preload][as=font]')];
  const enough = new Promise((resolve) => setTimeout(resolve, LONGEST_WAIT_MS));
  return Promise.race([Promise.all(links.map(arrival)), enough]);
}

function arrival(link: HTMLLinkElement): Promise<unknown> | undefined {
  if (performance.getEntriesByName(link.href).length > 0) return undefined; // already there
  return new Promise((resolve) => {
    link.addEventListener('load', resolve);
    link.addEventListener('error', resolve);
  });
}
