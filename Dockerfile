# docker build --tag agetrans . && docker run --rm -p 7860:7860 agetrans
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 visitor
WORKDIR /home/visitor/app

# torch from the index for processors only; no compiler and no libGL are needed (stubs/ says why).
COPY requirements.txt constraints.txt ./
COPY stubs/ stubs/
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \
    -r requirements.txt -c constraints.txt && rm -rf stubs

COPY app.py LICENSE ./
COPY core/ core/
COPY cafdata/ cafdata/
COPY demo/ demo/
COPY models/ models/

# Everything that is written goes below /tmp/agetrans; the app's own files stay root's.
ENV HOME=/tmp/agetrans/home \
    XDG_CACHE_HOME=/tmp/agetrans/cache \
    TMPDIR=/tmp/agetrans \
    GRADIO_TEMP_DIR=/tmp/agetrans/files \
    HF_HOME=/tmp/agetrans/hub \
    HF_HUB_OFFLINE=1 \
    MPLCONFIGDIR=/tmp/agetrans/matplotlib \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860
RUN install -d -o visitor -g visitor /tmp/agetrans /tmp/agetrans/home && python -c "import gradio"
USER visitor
EXPOSE 7860

HEALTHCHECK --interval=30s --timeout=5s --start-period=90s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
# As first process Python heeds this one, and closes the server; SIGTERM it would let pass.
STOPSIGNAL SIGINT
CMD ["python", "app.py"]
