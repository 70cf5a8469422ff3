"""The client of openapi-python-client."""

import os, re, uuid
from openapi_python import AuthenticatedClient, Client, models
from openapi_python.api.orders import get_orders, get_orders_id, post_orders
from openapi_python.api.users import post_users_register

url = os.environ["API_URL"]
person = models.Register(email=f"ada.{uuid.uuid4()}@example.org", password=f"correct {uuid.uuid4()}",
                         first_name="Ada", last_name="Lovelace")
account = post_users_register.sync(client=Client(url), body=person)
client = AuthenticatedClient(url, token=account.tokens.access_token)
for price in (999999.99, 0.07, 0.29):
    body = models.CreateOrder(title=f"For {price}", description="Generated", price=price)
    assert post_orders.sync_detailed(client=client, body=body).status_code == 201
first = get_orders.sync_detailed(client=client, limit=2)
cursor = re.search(r"[?&]cursor=([^&>]+)", first.headers["link"]).group(1)
rest = get_orders.sync(client=client, limit=2, cursor=cursor)
assert [order.price for order in first.parsed + rest] == [0.29, 0.07, 999999.99]
assert get_orders_id.sync(rest[0].id, client=client).price == 999999.99
error = get_orders_id.sync(uuid.UUID("0199f0a0-7c3e-7000-8000-000000000404"), client=client)
assert error.code == "order_not_found", error
