# SPDX-License-Identifier: Apache-2.0
# Finds msgpack-c (the C library) and defines MsgpackC::MsgpackC. The library was called msgpackc before version 6.
# Installed with the package, because a static mproc needs it.
find_path(MSGPACKC_INCLUDE_DIR msgpack/pack.h)
find_library(MSGPACKC_LIBRARY NAMES msgpack-c msgpackc)
mark_as_advanced(MSGPACKC_INCLUDE_DIR MSGPACKC_LIBRARY)

if(MSGPACKC_INCLUDE_DIR AND EXISTS ${MSGPACKC_INCLUDE_DIR}/msgpack/version_master.h)
  file(STRINGS ${MSGPACKC_INCLUDE_DIR}/msgpack/version_master.h msgpackc_lines
       REGEX "#define MSGPACK_VERSION_(MAJOR|MINOR|REVISION)")
  string(REGEX REPLACE "[^0-9;]" "" msgpackc_numbers "${msgpackc_lines}")
  string(REPLACE ";" "." MSGPACKC_VERSION "${msgpackc_numbers}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MsgpackC REQUIRED_VARS MSGPACKC_LIBRARY MSGPACKC_INCLUDE_DIR
                                  VERSION_VAR MSGPACKC_VERSION)

if(MsgpackC_FOUND AND NOT TARGET MsgpackC::MsgpackC)
  add_library(MsgpackC::MsgpackC UNKNOWN IMPORTED)
  set_target_properties(MsgpackC::MsgpackC PROPERTIES
    IMPORTED_LOCATION "${MSGPACKC_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${MSGPACKC_INCLUDE_DIR}")
endif()
