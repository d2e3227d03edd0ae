# The two commands of the README. Everything else is CMake's:
# cmake --preset default && cmake --build --preset default
.PHONY: demo check packages build

demo: build
	tools/demo.sh

check: build
	ctest --preset default

build: packages
	cmake --preset default
	cmake --build --preset default

packages:
	tools/install-packages.sh
