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

/** Digits with at most two decimals, after a point or a comma, within the contract's bounds. */
function isPrice(value: string): boolean {
  return /^\d{1,7}([.,]\d{1,2})?$/.test(value) && priceOf(value) >= 0.01 && priceOf(value) <= 1_000_000;
}

/** The amount as a number: the nearest double of two decimals is exactly the amount once it is written again. */
export function priceOf(value: string): number {
  return Number(value.replace(',', '.'));
}
