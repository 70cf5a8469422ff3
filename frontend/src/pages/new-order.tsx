// Places an order. The form has one idempotency key: however often it is sent, it is one order.
import { zodResolver } from '@hookform/resolvers/zod';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useForm } from 'react-hook-form';
import { Link, useNavigate } from 'react-router';
import { createOrder } from '../api/client';
import type { NewOrder as Body, Order } from '../api/contract';
import { Problem } from '../api/problem';
import { currentSession, useUserId } from '../api/session';
import { draftOf, keepDraft } from '../lib/draft';
import { formatMoney } from '../lib/format';
import { newKey } from '../lib/key';
import { isPrice, priceOf } from '../lib/price';
import { newOrder, type OrderForm } from '../lib/rules';
import { keys } from '../queries';
import { Field } from '../ui/field';
import { FormProblem, useAskBeforeLeaving, useSending } from '../ui/form';
import { Key, Send } from '../ui/key';
import { Page } from '../ui/page';

const FIELDS = ['title', 'description', 'price', 'orderReference'] as const;
const EMPTY: OrderForm = { title: '', description: '', price: '', orderReference: '' };

export function NewOrder() {
  const userId = useUserId();
  const [draft] = useState(() => draftOf(userId));
  const key = useRef(draft?.key ?? newKey());
  const sent = useRef<OrderForm[]>(draft?.sent ?? []);
  const placed = usePlaced();
  const form = useForm<OrderForm>({ resolver: zodResolver(newOrder), defaultValues: EMPTY });
  const { submit, busy, problem } = useSending(form, async (values) => {
    sent.current = [...sent.current, values];
    await placed.show(await createOrder(bodyOf(values), key.current));
  });
  const { errors, isDirty } = form.formState;
  useEffect(() => form.reset(draft?.values ?? EMPTY, { keepDefaultValues: true }), [form, draft]);
  useAskBeforeLeaving(() => !placed.done.current && (busy || isDirty));
  useKeptDraft(() => (placed.done.current ? null : { values: form.getValues(), key: key.current, sent: sent.current }));

  const reused = problem?.code === 'idempotency_key_reused';
  const openPlaced = async () => {
    try {
      await placed.show(await alreadyPlaced(sent.current, key.current));
    } catch {
      await placed.show(null); // the list has it
    }
  };
  const placeAsNew = async () => {
    key.current = newKey();
    sent.current = [];
    await submit();
  };

  const price = form.watch('price');
  return (
    <Page title="New order">
      <form noValidate onSubmit={submit} className="grid max-w-xl gap-6">
        <Field
          label="What would you like to order?"
          error={errors.title?.message}
          autoComplete="off"
          {...form.register('title')}
        />
        <Field label="Description" rows={4} error={errors.description?.message} {...form.register('description')} />
        <div className="grid gap-6 sm:grid-cols-2">
          <Field
            label="Price in US dollars"
            inputMode="decimal"
            autoComplete="off"
            hint={isPrice(price) && <span className="whitespace-nowrap">{formatMoney(priceOf(price))}</span>}
            error={errors.price?.message}
            {...form.register('price')}
          />
          <Field
            label="Your reference"
            optional
            autoComplete="off"
            error={errors.orderReference?.message}
            {...form.register('orderReference')}
          />
        </div>
        <FormProblem problem={problem} fields={FIELDS}>
          {reused && (
            <div className="mt-4 flex flex-wrap gap-4">
              <Key onPress={() => void openPlaced()}>Open the order that was placed</Key>
              <Key onPress={() => void placeAsNew()}>Place this as a new order</Key>
            </div>
          )}
        </FormProblem>
        <div className="flex flex-wrap items-center gap-x-8 gap-y-4">
          <Send busy={busy} busyWord="Placing…">
            Place order
          </Send>
          <Link to="/orders" className="underline underline-offset-4">
            Back to your orders
          </Link>
        </div>
      </form>
    </Page>
  );
}

/** Shows an order that is placed; from then on there is nothing to lose here. */
function usePlaced() {
  const navigate = useNavigate();
  const client = useQueryClient();
  const done = useRef(false);
  const show = async (order: Order | null) => {
    done.current = true;
    if (!order) return navigate('/orders');
    // Shown at once, and asked for again at once: the answer to this does not name the customer.
    client.setQueryData(keys.order(order.id), order, { updatedAt: 0 });
    void client.invalidateQueries({ queryKey: keys.orders });
    await navigate(`/orders/${order.id}`, { replace: true, state: { placed: true } });
  };
  return { done, show };
}

/** The order that an earlier sending placed: the same contents with the same key are answered with it. */
async function alreadyPlaced(sent: OrderForm[], key: string): Promise<Order> {
  for (const values of sent.toReversed()) {
    try {
      return await createOrder(bodyOf(values), key);
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.code !== 'idempotency_key_reused') throw problem;
    }
  }
  throw new Problem({ status: 0, code: 'page', message: 'It is in your list of orders.' });
}

/** Keeps what is written here when the session ends and this page is left for signing in. */
function useKeptDraft(current: () => { values: OrderForm; key: string; sent: OrderForm[] } | null) {
  const latest = useRef(current);
  latest.current = current;
  const [userId] = useState(useUserId());
  useEffect(
    () => () => {
      const draft = latest.current();
      keepDraft(draft && userId && currentSession() === null ? { userId, ...draft } : null);
    },
    [userId],
  );
}

function bodyOf({ title, description, price, orderReference }: OrderForm): Body {
  return { title, description, price: priceOf(price), ...(orderReference ? { orderReference } : {}) };
}
