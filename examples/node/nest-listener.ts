// A stock Nest listener: hears of every order, at a queue of its own. Nest 11.1 or newer.
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, Payload, RmqContext, Transport } from '@nestjs/microservices';

@Controller()
class Mail {
  @EventPattern('order.created')
  created(@Payload() order: { title: string }, @Ctx() context: RmqContext) {
    console.log(order.title);
    context.getChannelRef().ack(context.getMessage());
  }
}

@Module({ controllers: [Mail] })
class App {}

const options = { urls: [process.env.AMQP_URL!], queue: 'mail.on_order_created', wildcards: true, exchange: 'events', noAck: false };
const app = await NestFactory.createMicroservice(App, { transport: Transport.RMQ, options, logger: ['error'] });
await app.enableShutdownHooks().listen();
console.log('listening');
