# Tests of the tools and passes, and of the programs that they make.
import os
import platform
import shutil
import subprocess

import lit.formats
from lit.llvm import llvm_config

config.name = "fpmoe"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["golden", "bench"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.fpmoe_build_dir, "test")

bin_dir = os.path.join(config.fpmoe_build_dir, "bin")
llvm_config.with_environment("PATH", [bin_dir, config.llvm_tools_dir], append_path=True)
# A fault must not be reported by a symboliser that takes minutes.
llvm_config.with_environment("LLVM_DISABLE_SYMBOLIZATION", "1")

config.substitutions.append(("%fake_program", os.path.join(bin_dir, "fake-program")))
config.substitutions.append(("%source_dir", config.fpmoe_source_dir))
config.substitutions.append(("%build_dir", config.fpmoe_build_dir))
config.substitutions.append(("%runtime_dir", os.path.join(
    config.fpmoe_build_dir, "lib", "fpmoe", platform.machine() + "-linux-gnu")))
config.substitutions.append(("%python", "/usr/bin/python3"))
# Training needs PyTorch and transformers, which the system's Python may lack.
config.substitutions.append(("%torch_python", "python3"))

config.available_features.add(platform.machine())
for feature, modules in {"torch": "torch, transformers", "gguf": "gguf"}.items():
    if subprocess.run(["python3", "-c", f"import {modules}"],
                      stderr=subprocess.DEVNULL).returncode == 0:
        config.available_features.add(feature)
if shutil.which("unshare") and subprocess.run(
        ["unshare", "--map-root-user", "true"], stderr=subprocess.DEVNULL).returncode == 0:
    config.available_features.add("unshare")
# As lib/Target/CUDA looks for it.
if shutil.which("ptxas") or os.path.exists("/usr/local/cuda/bin/ptxas"):
    config.available_features.add("ptxas")
nvdisasm = shutil.which("nvdisasm", path=os.environ["PATH"] + ":/usr/local/cuda/bin")
if nvdisasm:
    config.available_features.add("nvdisasm")
    config.substitutions.append(("%nvdisasm", nvdisasm))
# What models write is compiled and run, which takes a sandbox.
if all(map(shutil.which, ["ghc", "ocamlc", "scalac"])) and shutil.which("bwrap") and \
        subprocess.run(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"],
                       stderr=subprocess.DEVNULL).returncode == 0:
    config.available_features.add("program-compilers")
if shutil.which("qemu-aarch64") and os.path.exists(os.path.join(
        config.fpmoe_build_dir, "lib", "fpmoe", "aarch64-linux-gnu", "libfpmoe_runtime.a")):
    config.available_features.add("aarch64-runtime")
