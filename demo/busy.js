// Where the queue is full the server says so with 503 and a sentence in the visitor's language; Gradio's script
// shows one of its own, in English, for that status alone. Under 429 it shows what the server said.
(() => {
  const ask = window.fetch;
  window.fetch = async (...request) => {
    const answer = await ask(...request);
    const address = String(request[0]?.url ?? request[0]);
    if (answer.status !== 503 || !address.includes("/queue/join")) return answer;
    return new Response(answer.body, { status: 429, headers: answer.headers });
  };
})();
