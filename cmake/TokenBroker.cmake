# The only two ways to declare a target here, so that every one has the same warnings and includes.

add_library(tokenbroker_warnings INTERFACE)
target_compile_options(tokenbroker_warnings INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Werror
  # Leaving a member of a struct at its default is what designated initialisers are for.
  -Wno-missing-field-initializers
  # g++ 12 reports these inside libstdc++, Abseil and Asio's coroutine frames where inlining hides
  # what the code knows.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-error=maybe-uninitialized -Wno-error=restrict
    -Wno-mismatched-new-delete>
  # What is unnamed in a .cc that another file includes is no fault where CMake wrote that file.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wno-subobject-linkage>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)

# tokenbroker_library(NAME SOURCES a.cc b.cc DEPS tokenbroker::base absl::status [APART])
#
# One static library for a folder; includes are written from service/ ("oauth/id_token.h").
# All presets but `apart` compile several sources at a time, which halves the work; APART keeps
# those by themselves that give one name to different things.
function(tokenbroker_library name)
  cmake_parse_arguments(ARG "APART" "" "SOURCES;DEPS" ${ARGN})
  add_library(tokenbroker_${name} STATIC ${ARG_SOURCES})
  if(ARG_APART)
    set_target_properties(tokenbroker_${name} PROPERTIES UNITY_BUILD OFF)
  endif()
  add_library(tokenbroker::${name} ALIAS tokenbroker_${name})
  target_include_directories(tokenbroker_${name} PUBLIC ${PROJECT_SOURCE_DIR}/service)
  target_link_libraries(tokenbroker_${name} PUBLIC ${ARG_DEPS} PRIVATE tokenbroker_warnings)
endfunction()

# Tests are built when asked for, not with `all`: unit_tests has those labelled `unit`, which preset
# asan runs too, concurrent_tests those of classes that threads share (`concurrent`), for tsan.
add_custom_target(unit_tests)
add_custom_target(concurrent_tests)

# tokenbroker_test(NAME SOURCES a_test.cc DEPS tokenbroker::oauth [LABELS unit] [ENVIRONMENT K=V] [NO_MAIN]
#                  [APART])
#
# One GoogleTest binary, registered as one ctest of that name. Label `unit` unless told otherwise.
# APART as above.
function(tokenbroker_test name)
  cmake_parse_arguments(ARG "NO_MAIN;APART" "TIMEOUT" "SOURCES;DEPS;LABELS;ENVIRONMENT" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} EXCLUDE_FROM_ALL ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock tokenbroker_warnings)
  if(ARG_APART)
    set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  endif()
  if(NOT ARG_NO_MAIN)
    target_link_libraries(${name} PRIVATE GTest::gmock_main)
  endif()
  if("unit" IN_LIST ARG_LABELS)
    add_dependencies(unit_tests ${name})
  endif()
  if("concurrent" IN_LIST ARG_LABELS)
    add_dependencies(concurrent_tests ${name})
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "${ARG_ENVIRONMENT}")
endfunction()
