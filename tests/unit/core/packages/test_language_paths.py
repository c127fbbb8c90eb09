"""One table says where languages look, in images and in local mode (spec 6.3 and 6.5)."""

import pytest

from kubelambda.core.packages.language_paths import Roots, build_image_paths, build_local_paths

LOCAL = Roots(task="/e/task", opt="/e/opt", runtime="/r", lang="", modules="/c/node_modules")


def build(language: str, *versions: str, roots: Roots = LOCAL) -> dict[str, str]:
    return build_local_paths(language, versions, roots, "/usr/bin")


def test_an_image_has_awss_values() -> None:
    node = build_image_paths("nodejs", "22")
    assert node["PATH"] == "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
    assert node["NODE_PATH"] == (
        "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules"
        ":/var/runtime/node_modules:/var/runtime:/var/task"
    )
    assert build_image_paths("provided", "")["LD_LIBRARY_PATH"] == (
        "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    )
    assert build_image_paths("ruby", "3.3.0")["GEM_PATH"] == (
        "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0"
    )


def test_local_mode_has_the_same_order_in_its_own_directories() -> None:
    assert build("nodejs", "24")["NODE_PATH"] == (
        "/e/opt/nodejs/node24/node_modules:/e/opt/nodejs/node_modules:/c/node_modules:/r:/e/task"
    )
    ruby = build("ruby", "3.1.0")
    assert ruby["RUBYLIB"] == "/e/task:/r/lib:/e/opt/ruby/lib"
    assert ruby["GEM_PATH"] == "/e/task/vendor/bundle/ruby/3.1.0:/e/opt/ruby/gems/3.1.0:"
    assert build("java")["CLASSPATH"] == "/e/task:/e/task/lib/*:/e/opt/java/lib/*"


@pytest.mark.parametrize("language", ["python", "nodejs", "java", "ruby", "dotnet", "provided"])
def test_programs_of_the_machine_come_before_those_of_layers(language: str) -> None:
    paths = build(language)
    assert paths["PATH"] == "/usr/bin:/e/opt/bin"
    assert paths["LD_LIBRARY_PATH"] == "/r:/r/lib:/e/task:/e/task/lib:/e/opt/lib"


def test_gems_for_another_ruby_are_looked_for_behind_those_for_the_one_that_runs() -> None:
    assert build("ruby", "3.1.0", "3.3.0")["GEM_PATH"] == (
        "/e/task/vendor/bundle/ruby/3.1.0:/e/task/vendor/bundle/ruby/3.3.0"
        ":/e/opt/ruby/gems/3.1.0:/e/opt/ruby/gems/3.3.0:"
    )


def test_what_is_not_there_is_not_named() -> None:
    bare = Roots(task="/e/task", opt="/e/opt", runtime="", lang="", modules="")
    assert build("nodejs", "22", roots=bare)["NODE_PATH"] == (
        "/e/opt/nodejs/node22/node_modules:/e/opt/nodejs/node_modules:/e/task"
    )


def test_a_runtime_that_was_built_brings_its_own_interpreter() -> None:
    built = Roots("/e/task", "/e/opt", "/c/var/runtime", "/c/var/lang", "/c/var/runtime/m")
    assert build("nodejs", "22", roots=built)["PATH"] == "/c/var/lang/bin:/usr/bin:/e/opt/bin"


def test_javas_client_finds_layers_by_itself_where_they_are_in_opt() -> None:
    assert "CLASSPATH" not in build("java", roots=Roots())
