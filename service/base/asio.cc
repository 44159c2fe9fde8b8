// The bodies of Asio's non-template functions, for the whole process.
#include <asio/impl/src.hpp>
#include <asio/ssl/impl/src.hpp>
