"""Execute the notebooks and store their outputs: the only way an output gets in here.

    python notebooks/execute.py         # all of them; `make notebooks` calls this
    python notebooks/execute.py 04 05   # those whose name begins so
    python notebooks/execute.py --repo owner/name   # none: only stamp the repository's address

The image of a cell tagged `readme-picture` is also written to misread.png, for README.

Each runs top to bottom in a fresh kernel. Then everything that would change from run to run,
or from one editor to the next, is normalised, so that two runs write the same bytes and a diff
shows what really changed.
"""

import base64
import os
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}

# pyproject.toml states the repository's address; it is stamped into these places.
ADDRESS = [
    r'^(Repository = ")[^"]+',  # pyproject.toml
    r"^(repository-code: )\S+",  # CITATION.cff
    r"(nnlib-course @ git\+)[^\s\"]+",  # README
    r"(nnlib-course\[pictures,widgets\] @ )\S+?(?=/archive/HEAD\.zip)",  # set-up cells
]
NAME = r"(colab\.research\.google\.com/github/)[^/]+/[^/]+(?=/blob/)"  # badges and links


def normalise(notebook):
    """Fixed kernel, ids and counts in order, no times, no widget state, no editor's marks."""
    language = {"name": "python"}
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": language})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    count = 0
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:03}"
        tags = {"tags": cell.metadata.tags} if cell.metadata.get("tags") else {}
        guards = "guards" in cell.metadata.get("tags", [])
        folded = {"jupyter": {"source_hidden": True}} if guards else {}
        cell.metadata = nbformat.from_dict(folded | tags)
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = count
                output.get("metadata", {}).pop("execution", None)
                # a live widget is gone with its kernel; its picture and words stay
                output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    return notebook


def write(notebook, path):
    """One space of indent and sorted keys, as Jupyter itself writes."""
    text = nbformat.writes(notebook, version=4)
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8", newline="\n")


def readme_picture(notebook):
    """The bytes of the image that the cell tagged `readme-picture` shows, or None."""
    for cell in notebook.cells:
        if "readme-picture" in cell.metadata.get("tags", []):
            return base64.b64decode(
                next(o.data["image/png"] for o in cell.outputs if "data" in o)
            )
    return None


def stamp(repository, root=ROOT):
    """Write the address wherever it stands. No output depends on it, so nothing is executed."""
    url = repository if "://" in repository else f"https://github.com/{repository}"
    if not re.fullmatch(r"https?://[\w.:-]+/[\w-]+/[\w.-]+(?<!\.git)", url):
        sys.exit(f"expected owner/name or https://…/owner/name, got {repository!r}")
    name = "/".join(url.split("/")[-2:])
    paths = [root / file for file in ("pyproject.toml", "CITATION.cff", "README.md")]
    for path in [*paths, *root.glob("notebooks/[0-9]*.ipynb")]:
        text = before = path.read_bytes().decode()  # bytes, so that no line end changes
        for place in ADDRESS:
            text = re.sub(place, rf"\g<1>{url}", text, flags=re.M)
        text = re.sub(NAME, rf"\g<1>{name}", text)
        if text != before:
            path.write_bytes(text.encode())
    print(f"{url} stands in pyproject.toml, CITATION.cff, README and the notebooks.")


def main():
    if sys.argv[1:2] == ["--repo"]:
        stamp(*sys.argv[2:])
        return
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    os.environ |= one_thread | {"TQDM_DISABLE": "1", "PYTHONHASHSEED": "0"}
    chosen = tuple(sys.argv[1:]) or ("",)
    for path in sorted(HERE.glob("[0-9]*.ipynb")):
        if path.name.startswith(chosen):
            print(path.name, flush=True)
            notebook = nbformat.read(path, as_version=4)
            client = NotebookClient(
                notebook,
                timeout=120,
                kernel_name="python3",
                record_timing=False,
                coalesce_streams=True,
            )
            client.execute(cwd=HERE)
            write(normalise(notebook), path)
            if picture := readme_picture(notebook):
                (HERE / "misread.png").write_bytes(picture)


if __name__ == "__main__":
    main()
