// The rules of the forms: those of the contract, said before anything is sent. The gateway has the last word.
import * as z from 'zod/mini';
import { bounds } from './bounds';
import { isPrice } from './price';

// Without this zod tries whether it may compile code, which the content security policy forbids and reports.
z.config({ jitless: true });

const chars = (text: string) => [...text].length; // as the contract counts: Unicode scalar values
const fits =
  ([least, most]: [number, number]) =>
  (value: string) =>
    chars(value) >= least && chars(value) <= most;
const text = (range: [number, number], message: string) => z.string().check(z.refine(fits(range), message));

const email = z.string().check(
  z.trim(),
  z.refine(
    (value) => chars(value) <= 100 && /^[^\s@<>,;]{1,64}@[^\s@.]+(\.[^\s@.]+)+$/.test(value),
    'Enter an e-mail address, such as ada@example.org.',
  ),
);
// Letters and marks of any script, with what joins them in names, and digits.
const NAME = /^(?=.*\p{L})(?:[\p{L}\p{M}\p{Nd} '’.·・-]|\u200c|\u200d)+$/u;
const name = z.string().check(
  z.trim(),
  z.refine(
    (value) => fits(bounds.name)(value) && NAME.test(value),
    `Enter a name of ${bounds.name.join(' to ')} characters: letters, and what joins them.`,
  ),
);

const newPassword = text(bounds.password, `Use ${bounds.password.join(' to ')} characters of any kind.`);

export const registration = z.object({
  email,
  password: newPassword,
  firstName: name,
  lastName: name,
});

export const nameChange = z.object({ firstName: name, lastName: name });

export const passwordChange = z.object({
  currentPassword: text([1, bounds.password[1]], 'Enter your current password.'),
  newPassword,
});

export const credentials = z.object({ email, password: text([1, bounds.password[1]], 'Enter your password.') });

export const newOrder = z.object({
  title: z
    .string()
    .check(
      z.trim(),
      z.refine(fits(bounds.title), `Say in ${bounds.title.join(' to ')} characters what you would like to order.`),
    ),
  description: z
    .string()
    .check(
      z.trim(),
      z.refine(fits(bounds.description), `Describe it in ${bounds.description.join(' to ')} characters.`),
    ),
  price: z
    .string()
    .check(
      z.trim(),
      z.refine(
        isPrice,
        `Enter an amount from ${bounds.price[0]} to ${bounds.price[1].toLocaleString('en-US')} with at most two decimals, such as 19.99.`,
      ),
    ),
  orderReference: text(bounds.orderReference, `Use at most ${bounds.orderReference[1]} characters.`),
});

export type Registration = z.infer<typeof registration>;
export type NameForm = z.infer<typeof nameChange>;
export type PasswordForm = z.infer<typeof passwordChange>;
export type Credentials = z.infer<typeof credentials>;
export type OrderForm = z.infer<typeof newOrder>;
