// The peer of ROS: xmlrpcpp's server, which has one thread and checks little.
#include <xmlrpcpp/XmlRpc.h>

#include <cstdio>
#include <cstdlib>

using XmlRpc::XmlRpcServer;
using XmlRpc::XmlRpcServerMethod;
using XmlRpc::XmlRpcValue;

struct Ping : XmlRpcServerMethod {
    explicit Ping(XmlRpcServer *server) : XmlRpcServerMethod("monitor.ping", server)
    {
    }
    void execute(XmlRpcValue &, XmlRpcValue &result) override
    {
        result = "pong";
    }
};

struct Echo : XmlRpcServerMethod {
    explicit Echo(XmlRpcServer *server) : XmlRpcServerMethod("test.echo", server)
    {
    }
    void execute(XmlRpcValue &params, XmlRpcValue &result) override
    {
        result = params[0];
    }
};

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    XmlRpcServer server;
    Ping ping(&server);
    Echo echo(&server);
    if (!server.bindAndListen(std::atoi(argv[1]), 1024))
        return 1;
    server.work(-1.0);
    return 0;
}
