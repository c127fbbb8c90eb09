package link

import "runtime"

// EventBytesMax bounds what the agent keeps of one event; the gateway's own limit is lower.
const EventBytesMax = 16 * 1024 * 1024

// incoming reads one connection and hands what arrives to the handler, in order.
type incoming struct {
	conn     *Conn
	handler  Handler
	event    *Event
	received int64
	unpaid   int
	// successor is what goaway said of the gateway that takes over.
	successor goawayMessage
}

func (i *incoming) run() error {
	for {
		frame, err := i.conn.next(i.event == nil && i.handler.Rests())
		if err != nil {
			return err
		}
		if err := i.take(frame); err != nil {
			return err
		}
	}
}

func (i *incoming) take(frame Frame) error {
	switch frame.Type {
	case Invoke:
		return i.beginEvent(frame.Payload)
	case InvokeBody:
		return i.addBody(frame.Payload)
	case InvokeEnd:
		return i.endEvent()
	case Credit:
		return i.addCredit(frame.Payload)
	case Ping:
		i.conn.out.sendUrgent(AppendFrame(nil, Pong, nil))
	case Pong:
		i.handler.Alive(i.conn)
	case Configure:
		return i.configure(frame.Payload)
	case Drain:
		i.handler.Leave(false, "it is to finish its event first")
	case Shutdown:
		return i.shutdown(frame.Payload)
	case Goaway:
		return i.goaway(frame.Payload)
	default:
		return broken("frame 0x%02x is not a gateway's to send now", uint8(frame.Type))
	}
	return nil
}

func (i *incoming) configure(payload []byte) error {
	var configuration Configuration
	if err := DecodeControl(payload, &configuration); err != nil {
		return err
	}
	return i.handler.Configure(configuration)
}

// goaway may name the gateway that takes over; without an address it is found by way of the Service.
func (i *incoming) goaway(payload []byte) error {
	var message goawayMessage
	if err := DecodeControl(payload, &message); err != nil {
		return err
	}
	i.successor = message
	i.handler.Abandon(i.conn)
	return nil
}

func (i *incoming) shutdown(payload []byte) error {
	var message shutdownMessage
	if err := DecodeControl(payload, &message); err != nil {
		return err
	}
	i.handler.Leave(true, message.Reason)
	return nil
}

func (i *incoming) addCredit(payload []byte) error {
	byteCount, err := DecodeCredit(payload)
	if err != nil {
		return err
	}
	i.conn.out.addCredit(byteCount)
	return nil
}

func (i *incoming) beginEvent(payload []byte) error {
	if i.event != nil {
		return broken("invoke before invoke_end")
	}
	event := &Event{}
	if err := decodeEventHead(payload, &event.EventHead); err != nil {
		return err
	}
	if event.RequestID == "" || event.ContentLength > EventBytesMax {
		return broken("invoke without requestId or over %d bytes", EventBytesMax)
	}
	i.event, i.received, i.unpaid = event, 0, 0
	i.conn.out.beginEvent()
	return nil
}

// addBody pays credit back in larger pieces; none is due once the event has ended.
func (i *incoming) addBody(chunk []byte) error {
	if i.event == nil {
		return broken("invoke_body outside an event")
	}
	if i.received += int64(len(chunk)); i.received > EventBytesMax {
		return broken("an event over %d bytes", EventBytesMax)
	}
	i.event.Body = append(i.event.Body, chunk)
	if i.unpaid += len(chunk); i.unpaid >= BodyBytesMax {
		i.conn.out.sendUrgent(AppendCredit(nil, i.unpaid))
		i.unpaid = 0
	}
	return nil
}

func (i *incoming) endEvent() error {
	if i.event == nil {
		return broken("invoke_end outside an event")
	}
	event := *i.event
	if event.ContentLength > 0 && event.ContentLength != i.received {
		return broken("contentLength %d, but %d bytes", event.ContentLength, i.received)
	}
	i.event = nil
	err := i.handler.Invoke(event)
	runtime.Gosched() // the runtime's connection has the event; often it is answered when we go on
	return err
}
