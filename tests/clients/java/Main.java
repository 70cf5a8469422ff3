// The Java client of openapi-generator.
import java.util.ArrayList;
import java.util.UUID;
import java.util.regex.Pattern;
import clients.api.OrdersApi;
import clients.api.UsersApi;
import clients.invoker.ApiClient;
import clients.invoker.ApiException;
import clients.model.CreateOrder;
import clients.model.GetOrdersId404Response;
import clients.model.Order;
import clients.model.Register;

class Main {
    static void check(boolean ok, Object what) {
        if (!ok) throw new AssertionError(what);
    }

    public static void main(String[] arguments) throws Exception {
        var client = new ApiClient();
        client.updateBaseUri(System.getenv("API_URL"));
        var person = new Register().email("ada." + UUID.randomUUID() + "@example.org").password("correct " + UUID.randomUUID())
            .firstName("Ada").lastName("Lovelace");
        String token = new UsersApi(client).postUsersRegister(person).getTokens().getAccessToken();
        client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
        var orders = new OrdersApi(client);
        for (double price : new double[] {999999.99, 0.07, 0.29}) {
            var order = new CreateOrder().title("By Java").description("Generated").price(price);
            check(orders.postOrdersWithHttpInfo(order, null).getStatusCode() == 201, order);
        }
        var first = orders.getOrdersWithHttpInfo(2, null, null, null, null, null, null, null, null);
        var link = Pattern.compile("[?&]cursor=([^&>]+)").matcher(first.getHeaders().get("link").get(0));
        check(link.find(), first.getHeaders());
        var all = new ArrayList<Order>(first.getData());
        all.addAll(orders.getOrders(2, link.group(1), null, null, null, null, null, null, null));
        check(all.stream().map(Order::getPrice).toList().equals(java.util.List.of(0.29, 0.07, 999999.99)), all);
        check(orders.getOrdersId(all.get(2).getId()).getPrice() == 999999.99, all.get(2));
        try {
            orders.getOrdersId(UUID.fromString("0199f0a0-7c3e-7000-8000-000000000404"));
            check(false, "an order that is nowhere was found");
        } catch (ApiException error) {
            var problem = client.getObjectMapper().readValue(error.getResponseBody(), GetOrdersId404Response.class);
            check(problem.getCode().getValue().equals("order_not_found"), error);
        }
    }
}
