// A stock Nest service in the place of a worker of ours, or beside one: they take turns at the queue.
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern, Payload, RmqContext, RpcException, Transport } from '@nestjs/microservices';

@Controller()
class Orders {
  @MessagePattern('orders.get')
  get(@Payload() { id }: { id: string }, @Ctx() context: RmqContext) {
    const { content: _, properties } = context.getMessage() as any;
    context.getChannelRef().ack(context.getMessage());
    if (id.endsWith('404')) throw new RpcException({ status: 404, message: 'Order not found' });
    const at = '2026-01-01T00:00:00.000Z';
    return { id, title: 'From Nest', description: '', price: 1.5, userId: properties.headers.caller, orderReference: null, createdAt: at, updatedAt: at };
  }
}

@Module({ controllers: [Orders] })
class App {}

const options = { urls: [process.env.AMQP_URL!], queue: 'orders.get', queueOptions: { noAssert: true }, noAck: false };
const app = await NestFactory.createMicroservice(App, { transport: Transport.RMQ, options, logger: ['error'] });
await app.enableShutdownHooks().listen();
console.log('listening');
