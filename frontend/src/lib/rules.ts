// The rules of the forms: those of the contract, said before anything is sent. The gateway has the last word.
import * as z from 'zod/mini';

// Without this zod tries whether it may compile code, which the content security policy forbids and reports.
z.config({ jitless: true });

const chars = (text: string) => [...text].length; // as the contract counts: Unicode scalar values
const text = (least: number, most: number, message: string) =>
  z.string().check(z.refine((value) => chars(value) >= least && chars(value) <= most, message));

const email = z.string().check(
  z.trim(),
  z.refine(
    (value) => chars(value) <= 100 && /^[^\s@<>,;]{1,64}@[^\s@.]+(\.[^\s@.]+)+$/.test(value),
    'Enter an e-mail address, such as ada@example.org.',
  ),
);
const NAME = /^(?=.*\p{L})[\p{L}\p{M} '’.-]{2,50}$/u;
const name = z
  .string()
  .check(
    z.trim(),
    z.regex(NAME, 'Enter 2 to 50 letters; spaces, hyphens, apostrophes and full stops may be among them.'),
  );

export const registration = z.object({
  email,
  password: text(8, 128, 'Use 8 to 128 characters, whichever you like.'),
  firstName: name,
  lastName: name,
});

export const credentials = z.object({ email, password: text(1, 128, 'Enter your password.') });

export const newOrder = z.object({
  title: z.string().check(
    z.trim(),
    z.refine((value) => chars(value) >= 1 && chars(value) <= 100, 'Say in 1 to 100 characters what you order.'),
  ),
  description: z.string().check(
    z.trim(),
    z.refine((value) => chars(value) >= 1 && chars(value) <= 1000, 'Describe it in 1 to 1000 characters.'),
  ),
  price: z
    .string()
    .check(
      z.trim(),
      z.refine(isPrice, 'Enter an amount from 0.01 to 1,000,000 with at most two decimals, such as 19.99.'),
    ),
  orderReference: text(0, 100, 'Use at most 100 characters.'),
});

export type Registration = z.infer<typeof registration>;
export type Credentials = z.infer<typeof credentials>;
export type OrderForm = z.infer<typeof newOrder>;

/** An amount within the contract's bounds. */
export function isPrice(value: string): boolean {
  const price = priceOf(value);
  return price >= 0.01 && price <= 1_000_000;
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
