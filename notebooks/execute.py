"""Execute the notebooks and store their outputs: the only way an output gets into the repository.

    python notebooks/execute.py         # all of them; `make notebooks` calls this
    python notebooks/execute.py 04 05   # those whose name begins so

Each runs top to bottom in a fresh kernel. Then everything that would change from run to run, or from one editor to
the next, is normalised, so that two runs write the same bytes and a diff shows what really changed.
"""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def normalise(notebook):
    """Fixed kernel and language, cell ids and execution counts in order, no times, no widget state, no editor's marks."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    count = 0
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:03}"
        tags = {"tags": cell.metadata.tags} if cell.metadata.get("tags") else {}
        folded = {"jupyter": {"source_hidden": True}} if "guards" in cell.metadata.get("tags", []) else {}
        cell.metadata = nbformat.from_dict(folded | tags)
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = count
                output.get("metadata", {}).pop("execution", None)
    return notebook


def write(notebook, path):
    """One space of indent and sorted keys, as Jupyter itself writes."""
    text = nbformat.writes(notebook, version=4)
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8", newline="\n")


def main():
    os.environ |= {"TQDM_DISABLE": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    chosen = tuple(sys.argv[1:]) or ("",)
    for path in sorted(HERE.glob("[0-9]*.ipynb")):
        if path.name.startswith(chosen):
            print(path.name, flush=True)
            notebook = nbformat.read(path, as_version=4)
            client = NotebookClient(notebook, timeout=120, kernel_name="python3", record_timing=False)
            client.execute(cwd=HERE)
            write(normalise(notebook), path)


if __name__ == "__main__":
    main()
