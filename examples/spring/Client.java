// A client with Spring AMQP. Run it with: mvn dependency:copy-dependencies -DoutputDirectory=lib && java -cp 'lib/*' Client.java
import java.util.UUID;
import org.springframework.amqp.core.Message;
import org.springframework.amqp.core.MessageBuilder;
import org.springframework.amqp.rabbit.connection.CachingConnectionFactory;
import org.springframework.amqp.rabbit.core.RabbitTemplate;

class Client {
    public static void main(String[] arguments) {
        var connections = new CachingConnectionFactory(java.net.URI.create(System.getenv("AMQP_URL")));
        var template = new RabbitTemplate(connections);
        template.setReplyTimeout(5000);
        String id = UUID.randomUUID().toString();
        String order = "{\"title\":\"By Spring\",\"description\":\"" + id + "\",\"price\":19.99}";
        Message request = MessageBuilder
            .withBody(("{\"pattern\":\"orders.create\",\"data\":" + order + ",\"id\":\"" + id + "\"}").getBytes())
            .setMessageId(id).setExpiration("5000").setHeader("caller", System.getenv("CALLER")).build();
        Message answer = template.sendAndReceive("patterns", "orders.create", request);
        System.out.println(answer == null ? "no answer" : new String(answer.getBody()));
        template.stop(); // it listens for replies, until told not to
        connections.destroy();
    }
}
