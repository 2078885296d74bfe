// Tomcat, embedded: /admin/* is one servlet and everything else another, and each says so. Prints its port.

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.util.buf.EncodedSolidusHandling;

public class Reader {
    static class Says extends HttpServlet {
        private final String what;

        Says(String what) {
            this.what = what;
        }

        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
            String subject = request.getHeader("x-auth-subject");
            response.setHeader("x-seen-subject", subject == null ? "" : subject);
            response.getWriter().print(what);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(arguments[0]);
        tomcat.setPort(0);
        Connector connector = tomcat.getConnector();
        connector.setProperty("address", "127.0.0.1");
        // As open as it gets: what it refuses shows nothing.
        connector.setProperty("relaxedPathChars", "\"<>[\\]^`{|}");
        connector.setProperty("allowBackslash", "true");
        connector.setEncodedSolidusHandling(EncodedSolidusHandling.DECODE.getValue());
        Context application = tomcat.addContext("", arguments[0]);
        Tomcat.addServlet(application, "admin", new Says("admin"));
        application.addServletMappingDecoded("/admin/*", "admin");
        Tomcat.addServlet(application, "public", new Says("public"));
        application.addServletMappingDecoded("/", "public");
        tomcat.start();
        System.out.println(connector.getLocalPort());
        while (System.in.read() >= 0) {}
        System.exit(0);
    }
}
