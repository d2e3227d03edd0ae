# Of which packages the tools need libraries. CPACK_DEBIAN_PACKAGE_SHLIBDEPS
# would ask of lib/fpmoe too, whose C library only programs are linked with: it
# would tie the package to that very version.
set(folder ${CPACK_TOPLEVEL_DIRECTORY}/shlibdeps)
file(WRITE ${folder}/debian/control
     "Source: ${CPACK_PACKAGE_NAME}\n\n"
     "Package: ${CPACK_PACKAGE_NAME}\nArchitecture: any\n")
file(GLOB tools ${CPACK_TEMPORARY_DIRECTORY}/usr/bin/*)
execute_process(COMMAND dpkg-shlibdeps --ignore-missing-info -O ${tools}
  WORKING_DIRECTORY ${folder}
  OUTPUT_VARIABLE depends OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "shlibs:Depends=" "" CPACK_DEBIAN_PACKAGE_DEPENDS "${depends}")
