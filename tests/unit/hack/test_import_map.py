"""hack/import-map counts the files of each folder and the imports between folders, of any tree."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_files_and_imports_of_each_folder_are_counted(tmp_path: Path) -> None:
    files = {
        "kubelambda/__init__.py": "",
        "kubelambda/front/__init__.py": "",
        "kubelambda/front/one.py": "from kubelambda.back import store\n",
        "kubelambda/front/two.py": "import kubelambda.back.store\nimport kubelambda.front.one\n",
        "kubelambda/back/__init__.py": "",
        "kubelambda/back/store.py": "x = 1\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command = [ROOT / "hack" / "import-map", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "3 files in 2 folders",
        "",
        "folder  files  imports (how many)",
        "back       1",
        "front      2  back 2",
    ]
