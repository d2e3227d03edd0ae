# The commands of the README. Everything else is CMake's:
# cmake --preset default && cmake --build --preset default
PREFIX = /usr/local
DESTDIR =
tools = fpmoe-compile fpmoe-eval fpmoe-opt

.PHONY: demo check install package aarch64 configure

demo: configure
	cmake --build --preset default --target fpmoe-compile
	tools/demo.sh

check: configure
	cmake --build --preset default
	ctest --preset default

install: configure
	cmake --build --preset default --target $(tools)
	DESTDIR='$(DESTDIR)' cmake --install build --prefix '$(PREFIX)'

# CPack by itself: CMake's target of this name would build the tests first.
package: configure
	tools/install-packages.sh dpkg-dev file
	cmake --build --preset default --target $(tools)
	cpack --config build/CPackConfig.cmake -B build

# Then fpmoe-compile --cpu=aarch64 and the like make whole programs here, too.
aarch64: configure
	tools/install-aarch64.sh build-aarch64/sysroot
	cmake --preset aarch64
	cmake --build --preset aarch64

configure:
	tools/install-packages.sh
	cmake --preset default
