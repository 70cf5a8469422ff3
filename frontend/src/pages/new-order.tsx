// Places an order. The form has one idempotency key: however often it is sent, it is one order.
import { zodResolver } from '@hookform/resolvers/zod';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { Link, useNavigate } from 'react-router';
import { createOrder } from '../api/client';
import type { NewOrder as Body } from '../api/contract';
import { newKey } from '../lib/key';
import { newOrder, type OrderForm, priceOf } from '../lib/rules';
import { keys } from '../queries';
import { Field } from '../ui/field';
import { FormProblem, useSending, useStayWhile } from '../ui/form';
import { Send } from '../ui/key';
import { Page } from '../ui/page';

const FIELDS = ['title', 'description', 'price', 'orderReference'] as const;

export function NewOrder() {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [key] = useState(newKey);
  const form = useForm<OrderForm>({
    resolver: zodResolver(newOrder),
    defaultValues: { title: '', description: '', price: '', orderReference: '' },
  });
  const { submit, busy, problem } = useSending(form, async (values) => {
    const order = await createOrder(bodyOf(values), key);
    // Shown at once, and asked for again at once: the answer to this does not name the customer.
    client.setQueryData(keys.order(order.id), order, { updatedAt: 0 });
    void client.invalidateQueries({ queryKey: keys.orders });
    await navigate(`/orders/${order.id}`, { replace: true, state: { placed: true } });
  });
  useStayWhile(busy);
  const { errors } = form.formState;

  return (
    <Page title="New order">
      <form noValidate onSubmit={submit} className="grid max-w-xl gap-6">
        <FormProblem problem={problem} fields={FIELDS} />
        <Field
          label="What do you order?"
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
        <div className="flex flex-wrap items-center gap-x-8 gap-y-4">
          <Send busy={busy} busyWord="Placing …">
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

function bodyOf({ title, description, price, orderReference }: OrderForm): Body {
  return { title, description, price: priceOf(price), ...(orderReference ? { orderReference } : {}) };
}
