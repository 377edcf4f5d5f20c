#pragma once
#include <stdint.h>

/// From now on the next bind of an IPv4 socket to port 0, anywhere in this process, takes `port` instead.
/// librdkafka's mock cluster offers no way to choose its port. Zero changes nothing.
void cdevbrokerport_choose(uint16_t port);
