# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where: library, headers, CMake package and pkg-config file. The tree may be moved afterwards.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mproc)

install(TARGETS mproc EXPORT mproc_targets FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT mproc_targets NAMESPACE mproc:: FILE mprocTargets.cmake DESTINATION ${package_dir})

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/mprocConfig.cmake.in ${PROJECT_BINARY_DIR}/mprocConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/mprocConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/mprocConfig.cmake ${PROJECT_BINARY_DIR}/mprocConfigVersion.cmake
              ${CMAKE_CURRENT_LIST_DIR}/FindAPR.cmake ${CMAKE_CURRENT_LIST_DIR}/FindMsgpackC.cmake
        DESTINATION ${package_dir})

# The pkg-config file finds its prefix from where it lies.
file(RELATIVE_PATH MPROC_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" MPROC_PC_PREFIX "${MPROC_PC_PREFIX}")
get_filename_component(msgpack_name ${MSGPACKC_LIBRARY} NAME)
string(REGEX REPLACE "^(lib)?([^.]*)\\..*$" "-l\\2" MPROC_PC_LIBS "${msgpack_name}")
get_property(system_libraries GLOBAL PROPERTY MPROC_SYSTEM_LIBRARIES)
set(MPROC_PC_REQUIRES apr-1)
if(WIN32)
  # APR installs no pkg-config file on Windows.
  set(MPROC_PC_REQUIRES "")
  list(PREPEND system_libraries apr-1)
  list(APPEND system_libraries ws2_32 mswsock rpcrt4 iphlpapi)
else()
  list(APPEND system_libraries pthread)
endif()
list(REMOVE_DUPLICATES system_libraries)
foreach(library ${system_libraries})
  string(APPEND MPROC_PC_LIBS " -l${library}")
endforeach()
set(MPROC_PC_CFLAGS "")
if(NOT BUILD_SHARED_LIBS)
  set(MPROC_PC_CFLAGS " -DMPROC_STATIC")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/mproc.pc.in ${PROJECT_BINARY_DIR}/mproc.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/mproc.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
