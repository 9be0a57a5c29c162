"""The Dataset tab: what an archive of faces across ages holds, and what recognisers and generators make of it."""
