// The rules of the forms: those of the contract, said before anything is sent. The gateway has the last word.
import * as z from 'zod/mini';
import type { Rule } from '../../contract-rules';
import { contractRules } from './contract-rules';
import { isPrice } from './price';

// Without this zod tries whether it may compile code, which the content security policy forbids and reports.
z.config({ jitless: true });

const {
  name: nameRule,
  email: emailRule,
  password,
  knownPassword,
  title,
  description,
  orderReference,
  price,
} = contractRules;

const chars = (text: string) => [...text].length; // as the contract counts: Unicode scalar values

/** Whether a text keeps to a rule of the contract. */
function keeps({ least, most, pattern }: Rule): (value: string) => boolean {
  const form = new RegExp(pattern, 'u');
  return (value) => chars(value) >= least && chars(value) <= most && form.test(value);
}
const text = (rule: Rule, message: string) => z.string().check(z.refine(keeps(rule), message));
const trimmed = (rule: Rule, message: string) => z.string().check(z.trim(), z.refine(keeps(rule), message));
const range = ({ least, most }: Rule) => `${least} to ${most}`;

// The contract says no more of an address than its length. This finds what is mistyped.
const ADDRESS = /^[^\s@<>,;]{1,64}@[^\s@.]+(\.[^\s@.]+)+$/;
const email = trimmed({ ...emailRule, pattern: ADDRESS.source }, 'Enter an e-mail address, such as ada@example.org.');
const name = trimmed(
  nameRule,
  `Use ${range(nameRule)} characters: letters, digits, spaces, apostrophes, hyphens and full stops, at least one letter.`,
);
const newPassword = text(password, `Use ${range(password)} characters of any kind.`);

export const registration = z.object({
  email,
  password: newPassword,
  firstName: name,
  lastName: name,
});

export const nameChange = z.object({ firstName: name, lastName: name });

export const passwordChange = z.object({
  currentPassword: text(knownPassword, 'Enter your current password.'),
  newPassword,
});

export const credentials = z.object({ email, password: text(knownPassword, 'Enter your password.') });

export const newOrder = z.object({
  title: trimmed(title, `Say in ${range(title)} characters, on one line, what you would like to order.`),
  description: trimmed(description, `Describe it in ${range(description)} characters.`),
  price: z
    .string()
    .check(
      z.trim(),
      z.refine(
        isPrice,
        `Enter an amount from ${price.least} to ${price.most.toLocaleString('en-US')} with at most two decimals, such as 19.99.`,
      ),
    ),
  orderReference: text(orderReference, `Use at most ${orderReference.most} characters.`),
});

export type Registration = z.infer<typeof registration>;
export type NameForm = z.infer<typeof nameChange>;
export type PasswordForm = z.infer<typeof passwordChange>;
export type Credentials = z.infer<typeof credentials>;
export type OrderForm = z.infer<typeof newOrder>;
