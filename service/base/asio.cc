// The bodies of Asio's non-template functions, for the whole process.
// A standard header first: Asio asks libstdc++'s macros how to allocate, and must get the same
// answer here as in every other file.
#include <cstdlib>

#include <asio/impl/src.hpp>
#include <asio/ssl/impl/src.hpp>
