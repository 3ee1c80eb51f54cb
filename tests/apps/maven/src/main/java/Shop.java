// SPDX-License-Identifier: MIT
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import org.apache.commons.lang3.StringUtils;

public class Shop {
	public static void main(String[] args) throws Exception {
		HttpServer server = HttpServer.create(new InetSocketAddress(Integer.getInteger("server.port")), 0);
		server.createContext("/", exchange -> {
			byte[] body = (StringUtils.capitalize("greetings") + " from java\n").getBytes();
			exchange.sendResponseHeaders(200, body.length);
			exchange.getResponseBody().write(body);
			exchange.close();
		});
		server.start();
	}
}
