/* The peer to compare with: xmlrpc-c's own Abyss server as its manual sets it up, limits raised. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xmlrpc-c/abyss.h>
#include <xmlrpc-c/base.h>
#include <xmlrpc-c/server.h>
#include <xmlrpc-c/server_abyss.h>

static xmlrpc_value *ping(xmlrpc_env *env, xmlrpc_value *params, void *server, void *call)
{
    (void)params, (void)server, (void)call;
    return xmlrpc_string_new(env, "pong");
}

static xmlrpc_value *echo(xmlrpc_env *env, xmlrpc_value *params, void *server, void *call)
{
    (void)server, (void)call;
    xmlrpc_value *value = NULL;
    xmlrpc_array_read_item(env, params, 0, &value);
    return value;
}

static xmlrpc_value *wait_for(xmlrpc_env *env, xmlrpc_value *params, void *server, void *call)
{
    (void)server, (void)call;
    double seconds;
    xmlrpc_decompose_value(env, params, "(d)", &seconds);
    if (env->fault_occurred)
        return NULL;
    const struct timespec time = {.tv_sec = (time_t)seconds,
                                  .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
    return xmlrpc_double_new(env, seconds);
}

static const struct xmlrpc_method_info3 methods[] = {
    {.methodName = "monitor.ping", .methodFunction = ping},
    {.methodName = "test.echo", .methodFunction = echo},
    {.methodName = "test.sleep", .methodFunction = wait_for},
};

/* Without these Abyss takes no more than 15 connections, and 30 requests on each. */
static void raise_limits(xmlrpc_server_abyss_parms *parameters)
{
    parameters->max_conn = 1000;
    parameters->max_conn_backlog = 1000;
    parameters->keepalive_max_conn = 1000000000;
    parameters->keepalive_timeout = 60;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_registry *registry = xmlrpc_registry_new(&env);
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        xmlrpc_registry_add_method3(&env, registry, &methods[i]);

    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    xmlrpc_server_abyss_parms parameters;
    memset(&parameters, 0, sizeof(parameters));
    parameters.config_file_name = NULL;
    parameters.registryP = registry;
    parameters.sockaddr_p = (const struct sockaddr *)&address;
    parameters.sockaddrlen = sizeof(address);
    raise_limits(&parameters);
    xmlrpc_server_abyss(&env, &parameters, XMLRPC_APSIZE(max_conn_backlog));
    fprintf(stderr, "%s: %s\n", argv[0], env.fault_occurred ? env.fault_string : "ended");
    return 1;
}
