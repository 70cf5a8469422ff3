// Amounts as people write them.
import { contractRules } from './contract-rules';

/** An amount within the contract's bounds. */
export function isPrice(value: string): boolean {
  const price = priceOf(value);
  const { least, most } = contractRules.price;
  return price >= least && price <= most;
}

// With groups of three or without; a decimal sign, where there is one, is followed by one or two digits. `12.345` could be
// either, and is refused.
const AMOUNT = [
  /^\d{1,7}(?:[.,]\d{1,2})?$/,
  /^\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?$/,
  /^\d{1,3}(?:[ '’]\d{3})+(?:[.,]\d{1,2})?$/,
  /^\d{1,3}(?:\.\d{3})+,\d{1,2}$|^\d{1,3}(?:\.\d{3}){2,}$/,
];

/** The amount as a number; NaN when it is none: the nearest double of two decimals is exactly the amount once it is written again. */
export function priceOf(value: string): number {
  const written = value
    .normalize('NFKC')
    .trim()
    .replace(/^(US ?)?\$ ?|^USD /i, '');
  if (!AMOUNT.some((form) => form.test(written))) return Number.NaN;
  const [, whole = '', decimals = ''] = /^(.*?)(?:[.,](\d{1,2}))?$/.exec(written) ?? [];
  return Number(`${whole.replace(/\D/g, '')}.${decimals || '0'}`);
}
