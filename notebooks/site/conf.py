"""How Sphinx publishes the course. build.py copies this folder beside the prepared lessons and runs Sphinx there."""

from docutils import nodes
from sphinx.transforms import SphinxTransform

project = "Neural networks from scratch in NumPy"
html_title = project
author = "the nnlib course maintainers"
project_copyright = "the nnlib course maintainers; code and text MIT, MNIST CC BY-SA 3.0"
language = "en"
extensions = ["myst_nb"]
nitpicky = True
nb_execution_mode = "off"  # what is published is what is stored
nb_merge_streams = True
nb_ipywidgets_js = {}  # no widget manager from elsewhere: site.js plays what can be played
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

html_theme = "sphinx_book_theme"
html_theme_options = {
    "home_page_in_toc": True,
    "navbar_persistent": [],  # one search field, beside the lessons
    "use_download_button": True,
    "use_fullscreen_button": False,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "path_to_docs": "notebooks",
    "repository_branch": "main",
    "launch_buttons": {"colab_url": "https://colab.research.google.com"},
}
html_context = {"default_mode": "auto"}
html_sidebars = {"**": ["search-button-field.html", "sbt-sidebar-nav.html"]}
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["common.css", "site.css"]
html_js_files = ["widgets.js", ("site.js", {"defer": "defer"})]
html_show_sourcelink = False
html_use_index = False
html_copy_source = True  # the notebook itself, for the download button

# one file without fonts or parts to fetch; the formulas stay readable to screen readers as MathML
mathjax_path = "mathjax.js"
mathjax_options = {"defer": "defer"}
mathjax3_config = {"options": {"enableMenu": False}, "tex": {"tags": "none"}}


class EquationsAsWritten(SphinxTransform):
    r"""A displayed formula goes to MathJax as it stands; Sphinx would wrap cases and matrices so that \tag fails."""

    default_priority = 900

    def apply(self):
        for block in self.document.findall(nodes.math_block):
            block["no-wrap"] = block["nowrap"] = True
            block.children = [nodes.Text(rf"\[{block.astext()}\]")]


def setup(app):
    app.add_post_transform(EquationsAsWritten)
    return {"parallel_read_safe": True}
