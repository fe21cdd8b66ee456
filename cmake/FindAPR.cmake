# SPDX-License-Identifier: Apache-2.0
# Finds the Apache Portable Runtime 1.x and defines APR::APR. Installed with the package, because a static mproc needs it.
find_path(APR_INCLUDE_DIR apr_pools.h PATH_SUFFIXES apr-1.0 apr-1 apr)
find_library(APR_LIBRARY NAMES apr-1 libapr-1)
mark_as_advanced(APR_INCLUDE_DIR APR_LIBRARY)

if(APR_INCLUDE_DIR AND EXISTS ${APR_INCLUDE_DIR}/apr_version.h)
  file(STRINGS ${APR_INCLUDE_DIR}/apr_version.h apr_lines REGEX "#define APR_(MAJOR|MINOR|PATCH)_VERSION")
  string(REGEX REPLACE "[^0-9;]" "" apr_numbers "${apr_lines}")
  string(REPLACE ";" "." APR_VERSION "${apr_numbers}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(APR REQUIRED_VARS APR_LIBRARY APR_INCLUDE_DIR VERSION_VAR APR_VERSION)

if(APR_FOUND AND NOT TARGET APR::APR)
  add_library(APR::APR UNKNOWN IMPORTED)
  set_target_properties(APR::APR PROPERTIES
    IMPORTED_LOCATION "${APR_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${APR_INCLUDE_DIR}")
  get_filename_component(apr_name "${APR_LIBRARY}" NAME)
  if(WIN32)
    # APR's headers import from a DLL unless told otherwise; the import library is libapr-1.lib or libapr-1.dll.a.
    if(NOT apr_name MATCHES "^libapr-1\\.(lib|dll\\.a)$")
      set_property(TARGET APR::APR PROPERTY INTERFACE_COMPILE_DEFINITIONS APR_DECLARE_STATIC)
    endif()
    set_property(TARGET APR::APR PROPERTY INTERFACE_LINK_LIBRARIES ws2_32 mswsock rpcrt4 iphlpapi)
  elseif(apr_name MATCHES "\\.a$")
    foreach(library uuid crypt)
      find_library(APR_${library}_LIBRARY ${library})
      mark_as_advanced(APR_${library}_LIBRARY)
      if(APR_${library}_LIBRARY)
        set_property(TARGET APR::APR APPEND PROPERTY INTERFACE_LINK_LIBRARIES ${APR_${library}_LIBRARY})
      endif()
    endforeach()
  endif()
endif()
