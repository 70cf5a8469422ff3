// Measures a page as it is drawn: nothing wider than the screen, nothing cut off, nothing printed over something else,
// no amount broken in two.
import type { Page } from 'playwright-core';

/** What is wrong with the page's layout as it is at this moment, in words. */
export const layoutFlaws = (page: Page): Promise<string[]> => page.evaluate(measure);

// Runs in the page, so it refers to nothing outside of itself.
function measure(): string[] {
  interface Piece {
    text: string;
    owner: Element;
    boxes: DOMRect[];
  }
  const flaws: string[] = [];
  const root = document.documentElement;
  if (root.scrollWidth > window.innerWidth) flaws.push(`${root.scrollWidth} px wide on ${window.innerWidth} px`);

  const pieces: Piece[] = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const owner = node.parentElement;
    const text = node.textContent?.trim() ?? '';
    if (!owner || !text || isHidden(owner)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()].filter(({ width, height }) => width > 1 && height > 1);
    pieces.push({ text: text.slice(0, 40), owner, boxes });
  }
  for (const field of document.querySelectorAll('input, textarea')) {
    if (isHidden(field)) continue;
    pieces.push({
      text: `field ${(field as HTMLInputElement).name}`,
      owner: field,
      boxes: [field.getBoundingClientRect()],
    });
  }

  for (const { text, owner, boxes } of pieces) {
    for (const box of boxes) {
      if (box.right > window.innerWidth + 1 || box.left < -1) flaws.push(`outside the screen: ${text}`);
    }
    const cut = !('value' in owner) && owner.scrollWidth > owner.clientWidth + 1 && clips(owner);
    if (cut) flaws.push(`cut off: ${text}`);
    const lines = new Set(boxes.map(({ top }) => Math.round(top / 4)));
    if (/^[$€¥]?[\d,. ]*\d[\d,. ]*$/.test(text) && lines.size > 1) flaws.push(`broken in two: ${text}`);
  }
  for (const [index, one] of pieces.entries()) {
    for (const other of pieces.slice(index + 1)) {
      if (one.owner.contains(other.owner) || other.owner.contains(one.owner)) continue;
      // A button may stand within a field, which keeps room for it.
      if (
        [one, other].some(
          ({ owner }) =>
            'value' in owner && owner.parentElement?.contains(one.owner) && owner.parentElement.contains(other.owner),
        )
      )
        continue;
      if (one.boxes.some((a) => other.boxes.some((b) => overlap(a, b)))) {
        flaws.push(`printed over each other: “${one.text}” and “${other.text}”`);
      }
    }
  }
  return [...new Set(flaws)];

  function isHidden(element: Element): boolean {
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return true;
    for (let up: Element | null = element; up; up = up.parentElement) {
      if (up.classList.contains('truncate') || up.tagName === 'HEADER' || up.tagName === 'svg') return true;
      if (up.hasAttribute('data-stale')) return true; // a bar over the page
      if (getComputedStyle(up).clipPath !== 'none') return true; // for readers only
    }
    return false;
  }

  function clips(element: Element): boolean {
    return /hidden|clip/.test(getComputedStyle(element).overflowX);
  }

  /** By more than the space above and below the letters, which lines may share. */
  function overlap(a: DOMRect, b: DOMRect): boolean {
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    return across > 2 && down > 0.3 * Math.min(a.height, b.height);
  }
}
