# Cross compilation with Debian's compilers: the runtime of programs for aarch64.
# Libraries that Debian has for that architecture alone are in `sysroot` of the
# build folder, where tools/install-aarch64.sh puts them.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH ${CMAKE_BINARY_DIR}/sysroot)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
include_directories(SYSTEM ${CMAKE_BINARY_DIR}/sysroot/usr/include
                    ${CMAKE_BINARY_DIR}/sysroot/usr/include/aarch64-linux-gnu)
