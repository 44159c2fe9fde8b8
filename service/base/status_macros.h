// Early return on error, for functions and for coroutines.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define TB_STATUS_CONCAT_INNER(a, b) a##b
#define TB_STATUS_CONCAT(a, b) TB_STATUS_CONCAT_INNER(a, b)

// RETURN_IF_ERROR(expression of absl::Status)
#define RETURN_IF_ERROR(expression)                            \
  if (absl::Status tb_status = (expression); tb_status.ok()) { \
  } else /* NOLINT */                                          \
    return tb_status

// ASSIGN_OR_RETURN(auto value, expression of absl::StatusOr<T>)
#define ASSIGN_OR_RETURN(declaration, expression) \
  TB_ASSIGN_OR(return, declaration, TB_STATUS_CONCAT(tb_statusor_, __LINE__), expression)

// The same inside a coroutine, where leaving is `co_return`.
#define CO_RETURN_IF_ERROR(expression)                         \
  if (absl::Status tb_status = (expression); tb_status.ok()) { \
  } else /* NOLINT */                                          \
    co_return tb_status
#define CO_ASSIGN_OR_RETURN(declaration, expression) \
  TB_ASSIGN_OR(co_return, declaration, TB_STATUS_CONCAT(tb_statusor_, __LINE__), expression)

#define TB_ASSIGN_OR(leave, declaration, temporary, expression) \
  auto temporary = (expression);                                \
  if (!temporary.ok()) leave std::move(temporary).status();     \
  declaration = *std::move(temporary)
