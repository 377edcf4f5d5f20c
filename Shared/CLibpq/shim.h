#pragma once
#include <libpq-fe.h>
/* Swift's Glibc module does not cover these two headers; the connection's I/O loop needs them. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
