# SPDX-License-Identifier: Apache-2.0
# Test programs: one CTest entry for each TEST in their sources, run in a process of its own with a timeout of its own.

set(MPROC_TEST_TIMEOUT_SCALE 1 CACHE STRING "Factor on every test's timeout: more than 1 under a sanitizer or an emulator")

# mproc_add_tests(NAME target KIND unit|integration|stress SOURCES file… [TIMEOUT seconds]
#                 [PLATFORM] [FAKE] [CHILD] [SERIAL] [LIBRARIES library…])
# A unit test links the library's objects and may include headers of src/ and platform/; with PLATFORM those of platform/
# alone, with FAKE the scripted platform stands in for the real one. The other kinds see the public headers and the library only.
# CHILD adds the test child program and child_client.h, with which a test of the platform layer starts it. SERIAL keeps other
# tests from running at the same time.
function(mproc_add_tests)
  cmake_parse_arguments(PARSE_ARGV 0 arg "PLATFORM;FAKE;CHILD;SERIAL" "NAME;KIND;TIMEOUT" "SOURCES;LIBRARIES")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_KIND MATCHES "^(unit|integration|stress)$")
    message(FATAL_ERROR "mproc_add_tests(${arg_NAME}): bad arguments ${arg_KIND} ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_KIND STREQUAL "unit")
    set(library mproc::mproc)
  elseif(arg_PLATFORM AND arg_FAKE)
    set(library mproc_internal_platform_fake)
  elseif(arg_PLATFORM)
    set(library mproc_internal_platform)
  elseif(arg_FAKE)
    set(library mproc_internal_fake)
  else()
    set(library mproc_internal)
  endif()
  set(harness mproc_test_support)
  if(arg_PLATFORM)
    set(harness mproc_test_support_platform)
  endif()
  add_executable(${arg_NAME} ${arg_SOURCES} $<TARGET_OBJECTS:${harness}>)
  mproc_configure_test(${arg_NAME})
  target_link_libraries(${arg_NAME} PRIVATE ${library} CUnit::CUnit $<$<BOOL:${WIN32}>:ntdll> $<$<BOOL:${WIN32}>:ws2_32>
    ${arg_LIBRARIES})
  if(arg_CHILD)
    target_sources(${arg_NAME} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/child_client.c)
    target_compile_definitions(${arg_NAME} PRIVATE TEST_CHILD_PROGRAM="$<TARGET_FILE:mproc_test_child>")
    add_dependencies(${arg_NAME} mproc_test_child)
  endif()

  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  math(EXPR timeout "${arg_TIMEOUT} * ${MPROC_TEST_TIMEOUT_SCALE}")
  mproc_read_test_names(names ${arg_SOURCES})
  foreach(name ${names})
    add_test(NAME ${name} COMMAND ${arg_NAME} ${name})
    set_tests_properties(${name} PROPERTIES
      LABELS ${arg_KIND} TIMEOUT ${timeout} SKIP_RETURN_CODE 77 RUN_SERIAL ${arg_SERIAL})
  endforeach()
endfunction()

# Compiles a test program or the harness: like the library, but the harness may use all that the system offers.
function(mproc_configure_test target)
  mproc_configure_target(${target})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support)
  if(NOT WIN32)
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    set_target_properties(${target} PROPERTIES ENABLE_EXPORTS ON)
  endif()
endfunction()

# Collects `suite.claim` from each line TEST(suite, claim) of the sources; a changed source makes CMake run again.
function(mproc_read_test_names out_names)
  set(names)
  foreach(source ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
    file(STRINGS ${source} lines REGEX "^TEST\\(")
    foreach(line ${lines})
      if(NOT line MATCHES "^TEST\\(([a-z0-9_]+), *([a-z0-9_]+)\\)")
        message(FATAL_ERROR "${source}: a test is written TEST(suite, claim), not ${line}")
      endif()
      list(APPEND names ${CMAKE_MATCH_1}.${CMAKE_MATCH_2})
    endforeach()
  endforeach()
  if(NOT names)
    message(FATAL_ERROR "No TEST in ${ARGN}")
  endif()
  set(${out_names} ${names} PARENT_SCOPE)
endfunction()
