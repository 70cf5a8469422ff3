"""FastStream: places an order, and hears of it at a queue of its own."""

import asyncio, os, uuid
from faststream.rabbit import ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue

broker = RabbitBroker(os.environ["AMQP_URL"], logger=None)
events = RabbitExchange("events", type=ExchangeType.TOPIC, durable=True)
heard = asyncio.Queue()


@broker.subscriber(RabbitQueue("audit.on_order_created", durable=True, routing_key="order.created"), events)
async def created(packet: dict):
    heard.put_nowait(packet["data"]["title"])


async def main():
    async with broker:
        await broker.start()
        packet = {"pattern": "orders.create", "id": "1", "data": {"title": "By FastStream", "description": "-", "price": 1}}
        answer = await broker.request(packet, "orders.create", "patterns", message_id=str(uuid.uuid4()),
                                      expiration=5, timeout=5, headers={"caller": os.environ["CALLER"]})
        print((await answer.decode())["response"]["title"])
        print(await asyncio.wait_for(heard.get(), 10))


asyncio.run(main())
