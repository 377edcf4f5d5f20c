#pragma once
#include <spawn.h>

// glibc declares them for _GNU_SOURCE alone, which Swift's view of glibc does without.
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
extern int pipe2(int ends[2], int flags);
