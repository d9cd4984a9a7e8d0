"""A TCP link between a node and its broker that a test can cut: the node's packets then go nowhere, as when a cable is pulled."""
import selectors
import socket
import threading


class Link:
    """Listens on a free port of the loopback; `url` is what a node is given instead of the broker's. One thread of its own."""

    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"nats://127.0.0.1:{self.listener.getsockname()[1]}"
        self.wake, self.woken = socket.socketpair()
        self.orders = []
        self.peers = {}
        self.is_node = set()
        self.is_cut = False
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(self.woken, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def cut(self):
        """Nothing passes, nothing is closed: silence."""
        self._order("cut")

    def mend(self):
        """New connections pass; those that were cut are reset."""
        self._order("mend")

    def close(self):
        self._order("close")
        self.thread.join()
        self.selector.close()
        self.wake.close()
        self.woken.close()

    def _order(self, what):
        self.orders.append(what)
        self.wake.send(b"!")

    def _drop(self, end):
        if end not in self.peers:
            return
        other = self.peers.pop(end)
        self.peers.pop(other)
        self.is_node -= {end, other}
        for one in (end, other):
            if one in self.selector.get_map():
                self.selector.unregister(one)
            one.close()

    def _watch(self, watched):
        for end in self.peers:
            if watched and end not in self.selector.get_map():
                self.selector.register(end, selectors.EVENT_READ)
            elif not watched and end in self.selector.get_map():
                self.selector.unregister(end)

    def _obey(self):
        self.woken.recv(64)
        while self.orders:
            order = self.orders.pop(0)
            if order == "cut":
                self.is_cut = True
                self._watch(False)
            else:
                self.is_cut = False
                for end in list(self.peers):
                    self._drop(end)
            if order == "close":
                self.listener.close()
                return False
        return True

    def _accept(self):
        node, _ = self.listener.accept()
        try:
            broker = socket.create_connection(self.target)
        except OSError:
            node.close()
            return
        self.peers[node], self.peers[broker] = broker, node
        self.is_node.add(node)
        self._watch(not self.is_cut)

    def _pass_on(self, end):
        try:
            data = end.recv(262144)
            if data:
                self.peers[end].sendall(self._sift(end, data))
                return
        except OSError:
            pass
        self._drop(end)

    def _sift(self, end, data):
        """What of it passes."""
        return data

    def _run(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.woken:
                    if not self._obey():
                        return
                elif key.fileobj is self.listener:
                    self._accept()
                elif key.fileobj in self.peers and not self.is_cut:
                    self._pass_on(key.fileobj)
