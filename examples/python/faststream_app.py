"""FastStream: asks for orders, and hears of one at a queue of its own."""

import asyncio, os, uuid
from faststream.rabbit import ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue

broker = RabbitBroker(os.environ["AMQP_URL"], logger=None)
heard = asyncio.Event()
events = RabbitExchange("events", type=ExchangeType.TOPIC, durable=True)


@broker.subscriber(RabbitQueue("audit.on_order_created", durable=True, routing_key="order.created"), events)
async def created(packet: dict):
    print(packet["data"]["title"])
    heard.set()


async def main():
    async with broker:
        await broker.start()
        order = {"title": "By FastStream", "description": "Through the exchange", "price": 19.99}
        mark = str(uuid.uuid4())
        packet = {"pattern": "orders.create", "data": order, "id": mark}
        answer = await broker.request(packet, "orders.create", exchange="patterns", timeout=5, message_id=mark,
                                      expiration=5, headers={"caller": os.environ["CALLER"]})
        print((await answer.decode())["response"]["title"])
        await asyncio.wait_for(heard.wait(), 10)


asyncio.run(main())
