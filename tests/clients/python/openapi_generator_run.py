"""The Python client of openapi-generator."""

import os, re, uuid
import openapi_generator as api

configuration = api.Configuration(host=os.environ["API_URL"])
client = api.ApiClient(configuration)
users, orders = api.UsersApi(client), api.OrdersApi(client)
person = api.Register(email=f"ada.{uuid.uuid4()}@example.org", password=f"correct {uuid.uuid4()}",
                      first_name="Ada", last_name="Lovelace")
configuration.access_token = users.post_users_register(person).tokens.access_token
for price in (999999.99, 0.07, 0.29):
    orders.post_orders(api.CreateOrder(title=f"For {price}", description="Generated", price=price))
first = orders.get_orders_with_http_info(limit=2)
cursor = re.search(r"[?&]cursor=([^&>]+)", first.headers["link"]).group(1)
rest = orders.get_orders(limit=2, cursor=cursor)
assert [order.price for order in first.data + rest] == [0.29, 0.07, 999999.99]
assert orders.get_orders_id(rest[0].id).price == 999999.99
try:
    orders.get_orders_id("0199f0a0-7c3e-7000-8000-000000000404")
except api.exceptions.NotFoundException as error:
    assert error.data.code == "order_not_found", error
else:
    raise AssertionError("an order that is nowhere was found")
