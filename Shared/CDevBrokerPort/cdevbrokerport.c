#define _GNU_SOURCE
#include "cdevbrokerport.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

// This program's bind() and accept() come before libc's for every library it loads. Linked into DevBroker only.

static _Atomic uint16_t chosen_port;

void cdevbrokerport_choose(uint16_t port) { atomic_store(&chosen_port, port); }

int bind(int fd, const struct sockaddr *address, socklen_t length) {
    int (*next)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
    struct sockaddr_in chosen;
    if (!next) {
        errno = ENOSYS;
        return -1;
    }
    if (address && length >= sizeof chosen && address->sa_family == AF_INET) {
        memcpy(&chosen, address, sizeof chosen);
        uint16_t port = chosen.sin_port == 0 ? atomic_exchange(&chosen_port, 0) : 0;
        if (port != 0) {
            // A restart must not have to wait until the connections of the broker before are forgotten.
            int on = 1;
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
            chosen.sin_port = htons(port);
            return next(fd, (const struct sockaddr *)&chosen, sizeof chosen);
        }
    }
    return next(fd, address, length);
}

// Without TCP_NODELAY answers of the mock in librdkafka 2.0.2 wait 40 ms for the client's delayed acknowledgement.
static int without_delay(int fd) {
    if (fd >= 0) {
        int saved = errno, on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        errno = saved;
    }
    return fd;
}

int accept(int fd, struct sockaddr *restrict address, socklen_t *restrict length) {
    int (*next)(int, struct sockaddr *, socklen_t *) = dlsym(RTLD_NEXT, "accept");
    if (!next) {
        errno = ENOSYS;
        return -1;
    }
    return without_delay(next(fd, address, length));
}

int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict length, int flags) {
    int (*next)(int, struct sockaddr *, socklen_t *, int) = dlsym(RTLD_NEXT, "accept4");
    if (!next) {
        errno = ENOSYS;
        return -1;
    }
    return without_delay(next(fd, address, length, flags));
}
