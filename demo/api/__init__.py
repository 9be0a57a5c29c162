"""The page's work for programs: gradio_client and MCP, with the page's own manners."""
