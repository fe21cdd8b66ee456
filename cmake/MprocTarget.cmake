# SPDX-License-Identifier: Apache-2.0
# How every target of this project is compiled, and how the library is put together from its layers.

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_C_COMPILER_LAUNCHER)
  find_program(MPROC_CCACHE ccache)
  mark_as_advanced(MPROC_CCACHE)
  if(MPROC_CCACHE)
    set(CMAKE_C_COMPILER_LAUNCHER ${MPROC_CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${MPROC_CCACHE})
  endif()
endif()

# On Windows nothing here needs a POSIX thread library, and mingw's would come as a DLL.
set(MPROC_THREADS Threads::Threads)
if(WIN32)
  set(MPROC_THREADS "")
endif()

set(MPROC_C_WARNINGS
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wmissing-prototypes -Wstrict-prototypes -Wvla)
set(MPROC_CXX_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef)

# Applies what every target of ours is built with: language, warnings, visibility, unwind tables (crash reports need them),
# sanitizers, and on Windows the version and character set of the system headers.
function(mproc_configure_target target)
  set_target_properties(${target} PROPERTIES
    C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF C_VISIBILITY_PRESET hidden
    CXX_STANDARD 11 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(MSVC)
    target_compile_options(${target} PRIVATE /W4 /utf-8 $<$<BOOL:${MPROC_WERROR}>:/WX>)
  else()
    target_compile_options(${target} PRIVATE
      "$<$<COMPILE_LANGUAGE:C>:${MPROC_C_WARNINGS}>" "$<$<COMPILE_LANGUAGE:CXX>:${MPROC_CXX_WARNINGS}>"
      $<$<BOOL:${MPROC_WERROR}>:-Werror> -fno-omit-frame-pointer -fasynchronous-unwind-tables)
  endif()
  if(MPROC_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${MPROC_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${MPROC_SANITIZE})
  endif()
  if(WIN32)
    target_compile_definitions(${target} PRIVATE
      _WIN32_WINNT=0x0A00 WIN32_LEAN_AND_MEAN NOMINMAX UNICODE _UNICODE $<$<BOOL:${MINGW}>:__USE_MINGW_ANSI_STDIO=1>)
  endif()
endfunction()

# Adds a program that is not a test: an example, a benchmark, a test's child. Its functions keep their names in a back-trace.
function(mproc_add_program target)
  add_executable(${target} ${ARGN})
  mproc_configure_target(${target})
  if(NOT WIN32)
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    set_target_properties(${target} PROPERTIES ENABLE_EXPORTS ON)
  endif()
  target_link_libraries(${target} PRIVATE mproc::mproc)
endfunction()

# Adds one layer of the library as an object library, so that a unit test can link the objects and replace a layer.
function(mproc_add_layer target)
  add_library(${target} OBJECT)
  mproc_configure_target(${target})
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C POSITION_INDEPENDENT_CODE ${BUILD_SHARED_LIBS})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${target} PRIVATE ${MPROC_THREADS})
  target_compile_definitions(${target} PRIVATE MPROC_BUILDING $<$<NOT:$<BOOL:${BUILD_SHARED_LIBS}>>:MPROC_STATIC>)
  if(MPROC_PORTABLE)
    target_compile_definitions(${target} PRIVATE _POSIX_C_SOURCE=200809L MPROC_PORTABLE)
  elseif(NOT WIN32)
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  endif()
endfunction()

# Names system libraries that the calling folder's files need; they reach static consumers through the package files.
function(mproc_link_system)
  set_property(GLOBAL APPEND PROPERTY MPROC_SYSTEM_LIBRARIES ${ARGN})
endfunction()

# Makes `target` carry the objects of some layers and what a unit test needs to compile against their headers.
function(mproc_add_internal target)
  add_library(${target} INTERFACE)
  foreach(layer ${ARGN})
    target_sources(${target} INTERFACE $<TARGET_OBJECTS:${layer}>)
  endforeach()
  target_include_directories(${target} INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_compile_definitions(${target} INTERFACE MPROC_STATIC $<$<BOOL:${MPROC_PORTABLE}>:MPROC_PORTABLE>)
  get_property(system_libraries GLOBAL PROPERTY MPROC_SYSTEM_LIBRARIES)
  target_link_libraries(${target} INTERFACE ${MPROC_THREADS} ${system_libraries})
  if(mproc_core IN_LIST ARGN)
    target_include_directories(${target} INTERFACE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${target} INTERFACE APR::APR MsgpackC::MsgpackC)
  endif()
endfunction()

# Puts the layers together as the library `mproc`, and as the sets of objects that unit tests link.
function(mproc_add_library)
  get_property(system_libraries GLOBAL PROPERTY MPROC_SYSTEM_LIBRARIES)
  target_sources(mproc PRIVATE
    $<TARGET_OBJECTS:mproc_core> $<TARGET_OBJECTS:mproc_common> $<TARGET_OBJECTS:mproc_platform>)
  target_link_libraries(mproc PRIVATE APR::APR MsgpackC::MsgpackC ${MPROC_THREADS} ${system_libraries})

  mproc_add_internal(mproc_internal mproc_core mproc_common mproc_platform)
  mproc_add_internal(mproc_internal_platform mproc_common mproc_platform)
  mproc_add_internal(mproc_internal_platform_fake mproc_common mproc_fake)
  mproc_add_internal(mproc_internal_fake mproc_core mproc_common mproc_fake)
endfunction()
